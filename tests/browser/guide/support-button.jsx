import React, { useEffect, useState } from 'react';

const SupportButton = ({ user }) => {
    useEffect(() => {
        // Expose user to global scope
        window.authUser = user;
        
        if (user?.email) {
            localStorage.setItem('yourcompany_user_email', user.email);
            localStorage.setItem('yourcompany_user_name', user.name || '');
        }
    }, [user]);

    const contactSupport = (e) => {
        e.preventDefault();

        if (!user || !user.email) {
            alert('Please sign in to submit a support ticket.');
            window.location = '/login';
            return;
        }

        const form = document.createElement('form');
        form.method = 'POST';
        form.action = 'https://tickets.flare99.com/api/auth/redirect/yourcompany';
        form.acceptCharset = 'UTF-8';
        form.target = '_blank';

        const fields = {
            email: user.email,
            name: user.name || ''
        };

        Object.entries(fields).forEach(([name, value]) => {
            const input = document.createElement('input');
            input.type = 'hidden';
            input.name = name;
            input.value = value;
            form.appendChild(input);
        });

        document.body.appendChild(form);
        form.submit();
        form.remove();
    };

    return (
        <button 
            onClick={contactSupport}
            className="btn btn-primary"
        >
            Submit Support Ticket
        </button>
    );
};

export default SupportButton;
