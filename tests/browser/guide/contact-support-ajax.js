async function contactSupportAjax() {
    const user = window.authUser;

    if (!user || !user.email) {
        alert('Please sign in to submit a support ticket.');
        window.location = '/login';
        return;
    }

    try {
        const response = await fetch('https://tickets.flare99.com/api/auth/redirect/yourcompany', {
            method: 'POST',
            headers: {
                'Content-Type': 'application/json',
                'Accept': 'application/json',
            },
            credentials: 'include', // Important for cookies
            body: JSON.stringify({
                email: user.email,
                name: user.name || '',
                redirect_url: 'https://ticket.yourcompany.com/dashboard'
            })
        });

        if (response.redirected) {
            // Open redirect URL in new tab
            window.open(response.url, '_blank');
        } else {
            const data = await response.json();
            console.log('Response:', data);
        }
    } catch (error) {
        console.error('Error:', error);
        alert('Failed to connect to support system. Please try again.');
    }
}
